//go:build linux

package kernel32

import (
	"net"
	"os"
	"time"

	"atoll/internal/access"
	"atoll/internal/errs"
	"atoll/internal/parley"
	"atoll/internal/winprocess"
)

// side is the process of a handle that is duplicated.
type side struct {
	*winprocess.Process        // nil: this one
	leave               func() // when it is not needed any more
}

// sideOf is the process that a handle leads to, which must allow to duplicate handles.
func sideOf(h Handle) (side, error) {
	if h == CurrentProcess {
		return side{leave: func() {}}, nil
	}
	p, leave, err := useProcess(h, access.DuplicateHandles)
	if err != nil {
		return side{}, err
	}
	if p.PID() == os.Getpid() {
		return side{leave: leave}, nil
	}
	return side{Process: p.Process, leave: leave}, nil
}

func (s side) here() bool { return s.Process == nil }

// duplicateBetween makes a handle in a process of one in a process, of which one at
// least is another than this. The source is closed if that is wanted, whatever happens.
func duplicateBetween(from side, source Handle, to side, w wanted, told bool) (Handle, error) {
	moves := w.options&CloseSource != 0 && !told // it is only closed
	if moves && !from.here() {
		return 0, from.close(source)
	}
	e, err := from.fetch(source, w)
	if err != nil {
		return 0, err
	}
	if moves {
		e.letGo()
		return 0, nil
	}
	if to.here() {
		return to.keep(e)
	}
	defer e.letGo()
	return to.give(e)
}

// keep puts an entry into the table of this process.
func (s side) keep(e *entry) (Handle, error) {
	h := putLowest(e)
	if h == 0 {
		e.letGo()
		return 0, errTooMany
	}
	return h, nil
}

// fetch makes an entry like the one that a handle of the process has.
func (s side) fetch(source Handle, w wanted) (*entry, error) {
	if s.here() {
		return fetchHere(source, w)
	}
	c, err := s.Dial()
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	question := parley.Note{
		Op: parley.Fetch, Handle: uint64(source), Access: uint32(w.access.Access), Flags: w.flags, Options: w.options,
	}
	answer, err := parley.Ask(c, &question)
	if err != nil {
		return nil, parley.Unanswered(err)
	}
	e, err := accept(c, answer)
	return e, parley.Unanswered(err)
}

// give puts a handle like e into the table of the process.
func (s side) give(e *entry) (Handle, error) {
	c, err := s.Dial()
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	if err := dispatch(c, parley.Give, 0, e); err != nil {
		return 0, parley.Unanswered(err)
	}
	answer, err := parley.Hear(c)
	if err != nil {
		return 0, parley.Unanswered(err)
	}
	answer.Discard()
	// Without this the other takes the handle back: nobody would know of it.
	if err := parley.Send(c, &parley.Note{Op: parley.Answer}); err != nil {
		return 0, parley.Unanswered(err)
	}
	return Handle(answer.Handle), nil
}

// close closes a handle of the process.
func (s side) close(h Handle) error {
	c, err := s.Dial()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	answer, err := parley.Ask(c, &parley.Note{Op: parley.Close, Handle: uint64(h)})
	if err != nil {
		return parley.Unanswered(err)
	}
	answer.Discard()
	return nil
}

// fetchHere makes an entry like the one that a handle of this process has, and closes
// that if it is wanted, whatever happens.
func fetchHere(source Handle, w wanted) (*entry, error) {
	e, err := look(source)
	if err != nil {
		return nil, err
	}
	defer e.leave()
	made, err := w.of(e)
	if w.options&CloseSource != 0 && !isPseudo(source) && exchange(source, e, nil) {
		e.letGo()
	}
	return made, err
}

// answer answers one question of another process.
func answer(c *net.UnixConn) {
	defer func() { _ = c.Close() }()
	adopt()
	_ = c.SetDeadline(time.Now().Add(winprocess.Patience))
	note, err := parley.Receive(c)
	if err != nil {
		return
	}
	switch note.Op {
	case parley.Give:
		err = answerGive(c, note)
	case parley.Fetch:
		err = answerFetch(c, note)
	case parley.Close:
		if err = closeAsked(Handle(note.Handle)); err == nil {
			err = parley.Send(c, &parley.Note{Op: parley.Answer})
		}
	case parley.Condemn:
		if err = winprocess.Proclaimed(note); err == nil {
			err = parley.Send(c, &parley.Note{Op: parley.Answer})
		}
	default:
		err = errs.New(errs.ErrCorrupt, "this is no question")
	}
	note.Discard()
	if err != nil {
		text := err.Error()
		_ = parley.Send(c, &parley.Note{Op: parley.Answer, Error: errs.Number(err), Text: text[:min(len(text), parley.MaxText)]})
	}
}

// closeAsked closes a handle for DuplicateHandle, which leaves a protected one.
func closeAsked(h Handle) error {
	e, err := look(h)
	if err != nil {
		return err
	}
	defer e.leave()
	if !isPseudo(h) && exchange(h, e, nil) {
		e.letGo()
	}
	return nil
}

// answerGive puts a handle that has come into the table; and takes it back if whoever
// gave it does not hear of it.
func answerGive(c *net.UnixConn, note *parley.Note) error {
	e, err := accept(c, note)
	if err != nil {
		return err
	}
	if !e.enter() {
		return errInvalidHandle
	}
	defer e.leave()
	h := putLowest(e)
	if h == 0 {
		e.letGo()
		return errTooMany
	}
	if err = parley.Send(c, &parley.Note{Op: parley.Answer, Handle: uint64(h)}); err == nil {
		// However long this process is stopped meanwhile: what was heard counts.
		_ = c.SetReadDeadline(time.Time{})
		var heard *parley.Note
		if heard, err = parley.Receive(c); err == nil {
			heard.Discard()
			return nil
		}
	}
	e.setFlags(ProtectFromClose, 0)
	if exchange(h, e, nil) {
		e.letGo()
	}
	return nil
}

// answerFetch sends a handle like the one that was named.
func answerFetch(c *net.UnixConn, note *parley.Note) error {
	w := request(access.Mask(note.Access), note.Flags&Inherit != 0, note.Options)
	e, err := fetchHere(Handle(note.Handle), w)
	if err != nil {
		return err
	}
	defer e.letGo()
	return dispatch(c, parley.Answer, 0, e)
}
