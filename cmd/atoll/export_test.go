//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"atoll"
)

// What is served says what there is.
func TestExport(t *testing.T) {
	t.Setenv("ATOLL_ROOT", shmDir(t))
	m, err := atoll.CreateMutex("quoted \"name\"\n", atoll.MutexOptions{InitiallyOwned: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- export(ctx, l, true) }()
	r, err := http.Get("http://" + l.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"atoll_scrape_failed 0\n", `atoll_objects{type="mutex"} 1`, `atoll_objects{type="event"} 0`,
		`atoll_object_owned{name="quoted \"name\"\\n",type="mutex"} 1`, `atoll_owned{type="mutex"} 1`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// shmDir is a directory of its own for objects.
func shmDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "atoll-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
