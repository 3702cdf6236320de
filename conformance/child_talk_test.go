package conformance

import (
	"os"
	"strconv"
	"testing"
)

// The test of the tests' children.
func TestChild(t *testing.T) {
	r := perform(&line{id: "child", check: func(t *T) {
		const odd = "a \"b\" \\ \x00 \xff\n"
		c := t.Child(talker, odd, 7, "leave")
		c.Expect(odd, 7)
		c.Quiet()
		c.Tell("go", 1)
		c.Expect("heard", "go 1")
		if code := c.Exit(); code != 9 {
			t.Errorf("exit code %d", code)
		}
		c = t.Child(talker, "", 0, "fail")
		c.Expect("", 0)
		c.Tell()
		c.Expect("heard", "")
		if code := c.Exit(); code != failedRole {
			t.Errorf("exit code %d", code)
		}
		c = t.Child(talker, "", 0, "parent")
		c.Expect("", 0)
		c.Tell()
		c.Expect("heard", "")
		c.Expect("grandchild", 1, 2)
		if pid, err := strconv.Atoi(c.Line()); err != nil || pid != c.PID {
			t.Errorf("process %d, %v, want %d", pid, err, c.PID)
		}
		c.Kill()
	}})
	if r.failed {
		t.Error(r.said())
	}
}

var talker = newRole("talker", func(t *T, p *Parent) {
	p.Say(p.Arg(0), p.Number(1))
	p.Say("heard", p.Hear())
	switch p.Arg(2) {
	case "leave":
		os.Exit(9)
	case "fail":
		t.Fatalf("this is said on purpose")
	case "parent":
		p.Say("grandchild", t.Child(adder, 1, 2).Line())
		p.Say(os.Getpid())
		p.Hear() // and is killed
	}
})

var adder = newRole("adder", func(_ *T, p *Parent) { p.Say(p.Number(0), p.Number(1)) })
