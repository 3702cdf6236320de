// Inherit passes a section and an event that have no name on to a child: to itself,
// or to the command in its arguments, such as python3 examples/inherit/children/reader.py.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"

	"atoll"
)

func main() {
	if section, err := atoll.Inherited[*atoll.Section]("greeting"); err == nil {
		child(section)
		return
	} else if !errors.Is(err, fs.ErrNotExist) {
		log.Fatal(err)
	}
	section := must(atoll.CreateSection("", atoll.SectionOptions{Size: 4096}))
	read := must(atoll.Duplicate(section, atoll.Read)) // the child may not write
	seen := must(atoll.CreateEvent("", atoll.EventOptions{}))
	view := must(section.Map(0, 0, 0))
	copy(view.Bytes(), "hello from the parent\x00")
	cmd := exec.Command("/proc/self/exe")
	if len(os.Args) > 1 {
		cmd = exec.Command(os.Args[1], os.Args[2:]...)
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := atoll.Start(cmd, map[string]atoll.Object{"greeting": read, "seen": seen}); err != nil {
		log.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		log.Fatal(err)
	}
	set := must(seen.TryWait())
	fmt.Println("the child has set the event:", set)
}

func child(section *atoll.Section) {
	seen := must(atoll.Inherited[*atoll.Event]("seen"))
	view := must(section.Map(atoll.Read, 0, 0))
	fmt.Printf("the child reads %q\n", view.Bytes()[:21])
	if err := seen.Set(); err != nil {
		log.Fatal(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
