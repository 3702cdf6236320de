// Socket passes a section without a name to a process that runs already, over a Unix
// socket: "socket send PATH" waits there for one who runs "socket receive PATH".
package main

import (
	"fmt"
	"log"
	"net"
	"os"

	"atoll"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: socket send|receive PATH")
	}
	address := &net.UnixAddr{Name: os.Args[2], Net: "unix"}
	if os.Args[1] == "send" {
		send(address)
	} else {
		receive(address)
	}
}

func send(address *net.UnixAddr) {
	section := must(atoll.CreateSection("", atoll.SectionOptions{Size: 4096}))
	view := must(section.Map(0, 0, 0))
	copy(view.Bytes(), "for whoever asks")
	listener := must(net.ListenUnix("unix", address))
	fmt.Println("waiting at", address)
	c := must(listener.AcceptUnix())
	if err := atoll.Move(c, section, atoll.Read); err != nil { // nobody else has it now
		log.Fatal(err)
	}
}

func receive(address *net.UnixAddr) {
	c := must(net.DialUnix("unix", nil, address))
	section := must(atoll.Receive[*atoll.Section](c))
	view := must(section.Map(0, 0, 0))
	fmt.Printf("received %d bytes, %s: %q\n", section.Size(), section.Access(), view.Bytes()[:16])
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
