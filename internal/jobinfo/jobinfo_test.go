package jobinfo

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"atoll/internal/errs"
	"atoll/internal/layout"
)

const processors = 4

// The sizes that Windows has, of 64 bits.
func TestSizes(t *testing.T) {
	if sizeOfWord != 8 {
		t.Skip("the structures have other sizes with 32 bits")
	}
	for c, want := range map[Class]int{
		BasicAccounting: 48, BasicLimit: 64, UIRestrictions: 4, EndOfJobTime: 4, CompletionPort: 16,
		BasicAndIOAccounting: 96, ExtendedLimit: 144, CPURate: 8,
	} {
		if int(sizes[c]) != want {
			t.Errorf("class %d has %d bytes, want %d", c, sizes[c], want)
		}
	}
}

// Of each class and length it is known whether it can be, and any bytes of the right
// length are a change or an error, whatever they say.
func TestAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Class(rapid.Uint32Range(0, 40).Draw(t, "class"))
		length := rapid.IntRange(0, 200).Draw(t, "length")
		if rapid.Bool().Draw(t, "right") && sizes[c] != 0 {
			length = int(sizes[c])
		}
		if err := ToQuery(c, length); err == nil {
			l, counted := layout.JobLimits{}, Counted{}
			n := len(Limits(c, &l, &counted, processors)) + len(Accounting(c, &counted))
			if c != ProcessIDList && n != length {
				t.Fatalf("class %d gives %d bytes into %d", c, n, length)
			}
		}
		if err := ToSet(c, length); err != nil {
			if n := errs.Number(err); n != errs.InvalidParameter && n != errs.BadLength && n != errs.NotSupported {
				t.Fatalf("error %d", n)
			}
			return
		}
		b := rapid.SliceOfN(rapid.Byte(), length, length).Draw(t, "bytes")
		change, err := Set(c, b, layout.JobLimits{}, processors)
		if err != nil {
			return
		}
		r := layout.JobRecord{Sequence: 1, Limits: change.Limits}
		region := make([]byte, layout.JobSize)
		copy(region[r.Place():], r.Encode())
		if _, ok := layout.ParseJob(region); !ok {
			t.Fatalf("class %d: limits that are none: %+v", c, change.Limits)
		}
	})
}

// What was set is what is told.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Uintptr().Filter(func(n uintptr) bool { return n > 0 && n>>(8*sizeOfWord-1) == 0 })
		time := rapid.Int64Range(1, 1<<50)
		v := extendedLimits{Basic: basicLimits{Scheduling: 5}}
		for _, f := range []struct {
			flag uint32
			set  func()
		}{
			{limitProcessTime, func() { v.Basic.ProcessTime = time.Draw(t, "process time") }},
			{limitJobTime, func() { v.Basic.JobTime = time.Draw(t, "job time") }},
			{limitProcesses, func() { v.Basic.Processes = rapid.Uint32Range(1, 1<<31-1).Draw(t, "processes") }},
			{limitAffinity, func() { v.Basic.Affinity = uintptr(rapid.Uint32Range(1, 1<<processors-1).Draw(t, "affinity")) }},
			{limitPriority, func() {
				v.Basic.PriorityClass = rapid.SampledFrom([]uint32{0x20, 0x40, 0x80, 0x100, 0x4000, 0x8000}).Draw(t, "priority")
			}},
			{limitProcessMemory, func() { v.ProcessMemory = amount.Draw(t, "process memory") }},
			{limitJobMemory, func() { v.JobMemory = amount.Draw(t, "job memory") }},
			{limitDie, func() {}},
			{limitBreakaway, func() {}},
			{limitSilent, func() {}},
			{limitKill, func() {}},
		} {
			if rapid.Bool().Draw(t, "limited") {
				v.Basic.Flags |= f.flag
				f.set()
			}
		}
		change, err := Set(ExtendedLimit, bytesOf(v), layout.JobLimits{Rate: 7}, processors)
		if err != nil {
			t.Fatal(err)
		}
		got := of[extendedLimits](Limits(ExtendedLimit, &change.Limits, &Counted{}, processors))
		if got != v || change.Limits.Rate != 7 {
			t.Fatalf("%+v, want %+v", got, v)
		}
		basics := of[basicLimits](Limits(BasicLimit, &change.Limits, &Counted{}, processors))
		if v.Basic.Flags &= basicFlags; basics != v.Basic {
			t.Fatalf("%+v, want %+v", basics, v.Basic)
		}
	})
}

// What means nothing, and what Linux does not have.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		class Class
		b     []byte
		want  uint32
	}{
		"extended flags":     {BasicLimit, bytesOf(basicLimits{Flags: limitKill}), errs.InvalidParameter},
		"unknown flags":      {ExtendedLimit, bytesOf(extendedLimits{Basic: basicLimits{Flags: 1 << 20}}), errs.InvalidParameter},
		"working set":        {BasicLimit, bytesOf(basicLimits{Flags: limitWorkingSet}), errs.NotSupported},
		"scheduling":         {BasicLimit, bytesOf(basicLimits{Flags: limitScheduling}), errs.NotSupported},
		"set and preserve":   {BasicLimit, bytesOf(basicLimits{Flags: limitJobTime | limitPreserve, JobTime: 1}), errs.InvalidParameter},
		"no processes":       {BasicLimit, bytesOf(basicLimits{Flags: limitProcesses}), errs.InvalidParameter},
		"no time":            {BasicLimit, bytesOf(basicLimits{Flags: limitJobTime}), errs.InvalidParameter},
		"a processor":        {BasicLimit, bytesOf(basicLimits{Flags: limitAffinity, Affinity: 1 << processors}), errs.InvalidParameter},
		"a priority":         {BasicLimit, bytesOf(basicLimits{Flags: limitPriority, PriorityClass: 3}), errs.InvalidParameter},
		"no memory":          {ExtendedLimit, bytesOf(extendedLimits{Basic: basicLimits{Flags: limitJobMemory}}), errs.InvalidParameter},
		"subset of none":     {ExtendedLimit, bytesOf(extendedLimits{Basic: basicLimits{Flags: limitSubset}}), errs.InvalidParameter},
		"windows":            {UIRestrictions, bytesOf(word{1}), errs.NotSupported},
		"no windows":         {UIRestrictions, bytesOf(word{}), 0},
		"unknown windows":    {UIRestrictions, bytesOf(word{0x100}), errs.InvalidParameter},
		"end of time":        {EndOfJobTime, bytesOf(word{2}), errs.InvalidParameter},
		"weight":             {CPURate, bytesOf(rate{3, 5}), errs.NotSupported},
		"more than all":      {CPURate, bytesOf(rate{5, 10001}), errs.InvalidParameter},
		"a rate":             {CPURate, bytesOf(rate{5, 5000}), 0},
		"no rate":            {CPURate, bytesOf(rate{}), 0},
		"flags of no rate":   {CPURate, bytesOf(rate{1 << 9, 5}), errs.InvalidParameter},
		"post at end":        {EndOfJobTime, bytesOf(word{1}), 0},
		"the time preserved": {BasicLimit, bytesOf(basicLimits{Flags: limitPreserve}), 0},
	} {
		change, err := Set(c.class, c.b, layout.JobLimits{Time: 77}, processors)
		if errs.Number(err) != c.want {
			t.Errorf("%s: error %v, want %d", name, err, c.want)
		}
		if name == "the time preserved" && change.Limits.Time != 77 {
			t.Errorf("the time is %d", change.Limits.Time)
		}
	}
}

func TestProcesses(t *testing.T) {
	for _, c := range []struct{ pids, room, fit int }{{0, 1, 0}, {1, 1, 1}, {3, 1, 1}, {3, 2, 2}, {3, 3, 3}, {3, 9, 3}} {
		pids := []int{11, 12, 13}[:c.pids]
		length := listHead + c.room*sizeOfWord
		b, err := Processes(pids, length+3)
		want := uint32(0)
		if c.fit < c.pids {
			want = errorMoreData
		}
		if errs.Number(err) != want || len(b) != listHead+c.fit*sizeOfWord || len(b) > length {
			t.Errorf("%+v: %d bytes, %v", c, len(b), err)
		}
		if all, fit := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:]); int(all) != c.pids || int(fit) != c.fit {
			t.Errorf("%+v: %d, %d of them", c, all, fit)
		}
	}
	if err := ToQuery(ProcessIDList, listHead); errs.Number(err) != errs.BadLength {
		t.Errorf("a list for none: %v", err)
	}
}
