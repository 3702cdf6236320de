//go:build linux

package onlinux

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"atoll/internal/namespace"
)

func pages() int {
	mapped.Lock()
	defer mapped.Unlock()
	return len(mapped.pages)
}

// An object that others have gets its page back when it is opened again, as long as it
// is mapped; and one that was made under its name later has another.
func TestOpenedAgainHasItsPage(t *testing.T) {
	const name = "opened again"
	e := newEvent(t, name, MustCreate)
	release := holdAsAnother(t, e)
	page := e.att.page // so the collector does not unmap it meanwhile
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := newEvent(t, name, MustOpen)
	if again.att.page != page {
		t.Fatal("its page was mapped again")
	}
	second := newEvent(t, name, MustOpen)
	if n := page.users.Load(); n != 1 {
		t.Fatalf("%d attachments use the page, there is one", n)
	}
	if err := second.Set(); err != nil {
		t.Fatal(err)
	}
	if ok, err := again.TryWait(); !ok || err != nil {
		t.Fatal("the page is not the object's:", ok, err)
	}
	release()
	for _, h := range []*Event{again, second} {
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
	other := newEvent(t, name, MustCreate)
	if other.att.page == page {
		t.Fatal("another object has the page of the one before it")
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(page)
}

// Pages that nobody uses are unmapped, and forgotten.
func TestPagesAreForgotten(t *testing.T) {
	for range 3 {
		e := newEvent(t, "forgotten", MustCreate)
		release := holdAsAnother(t, e)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if pages() == 0 {
			t.Fatal("the page is not kept")
		}
		runtime.KeepAlive(e)
		again := newEvent(t, "forgotten", MustOpen)
		release()
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(time.Minute); pages() > 0; {
		if time.Now().After(end) {
			t.Fatalf("%d pages are still known", pages())
		}
		runtime.GC()
	}
}

// Pages are unmapped together, and none of those between them that are in use.
func TestPagesBetweenOthersStay(t *testing.T) {
	var live []*Event
	for i := range 3 * manyDead {
		e := newEvent(t, "side-by-side-"+strconv.Itoa(i), MustCreate)
		if i%37 == 0 {
			live = append(live, e)
			continue
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	mappings := func() int {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(maps), namespace.Base())
	}
	if n := mappings(); n < len(live) {
		t.Fatalf("%d pages are mapped", n)
	}
	for end := time.Now().Add(time.Minute); mappings() > 3*len(live); runtime.GC() {
		if time.Now().After(end) {
			t.Fatalf("%d pages are still mapped, and %d in use", mappings(), len(live))
		}
	}
	for _, e := range live {
		if err := e.Set(); err != nil {
			t.Fatal(err)
		}
		if ok, err := e.TryWait(); !ok || err != nil {
			t.Fatal("its page is another one:", ok, err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
