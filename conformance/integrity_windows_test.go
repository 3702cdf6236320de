package conformance

import (
	"unsafe"

	"golang.org/x/sys/windows"

	"atoll/win32"
)

// low opens events for writing as a process that is trusted less than others.
var low = newRole("low", func(t *T, p *Parent) {
	t.OK(lowerMyself())
	for {
		name := p.Hear()
		if name == "" {
			return
		}
		_, err := win32.OpenEvent(win32.EVENT_MODIFY_STATE, false, name)
		p.Say(number(err))
	}
})

// lowerMyself gives this process the integrity level of those that are trusted least.
func lowerMyself() error {
	var token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_ADJUST_DEFAULT|windows.TOKEN_QUERY, &token); err != nil {
		return err
	}
	defer func() { _ = token.Close() }()
	sid, err := windows.CreateWellKnownSid(windows.WinLowLabelSid)
	if err != nil {
		return err
	}
	label := windows.Tokenmandatorylabel{Label: windows.SIDAndAttributes{Sid: sid, Attributes: windows.SE_GROUP_INTEGRITY}}
	return windows.SetTokenInformation(token, windows.TokenIntegrityLevel, (*byte)(unsafe.Pointer(&label)), label.Size())
}
