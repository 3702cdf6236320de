//go:build linux

package job

// Support says what this process's jobs can use.
type Support struct {
	Group string // below which those of jobs are made; "" if none can be
	Why   error  // why not
	// Controllers says of each that some limit would use why it cannot be used; "": it
	// can.
	Controllers map[string]string
}

// Look finds out what can be used, and changes nothing.
func Look() (s Support) {
	group := innermost(ownGroup(0))
	if group == "" {
		if group, s.Why = base(); s.Why != nil {
			return s
		}
	}
	g, err := openBase(group)
	if err != nil {
		s.Why = err
		return s
	}
	defer func() { _ = g.Close() }()
	s.Group, s.Controllers = group, make(map[string]string)
	for _, c := range []string{cpuController, memoryController, pidsController, cpusetController, ioController} {
		s.Controllers[c] = ""
		if err := g.CanDelegate(c); err != nil {
			s.Controllers[c] = whyNot(err)
		}
	}
	return s
}
