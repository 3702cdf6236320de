package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"atoll"
)

const jobLong = `Groups of processes with a name, that can be limited, watched and ended
together. What their processes start belongs to them as well, whatever that
does.

Which limits can be enforced depends on the system's control groups: atoll
doctor says what is missing. A limit that cannot be enforced is refused.`

func newJob() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job",
		Short: "Run, limit, watch and end groups of processes",
		Long:  jobLong,
		Example: `  atoll job run build --memory 2G --pids 200 --kill-on-close -- make -j8
  atoll job ls
  atoll job kill build`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("which? run, ls, watch, limit or kill; atoll job --help says more")
			}
			return usage("atoll job has no %q; run, ls, watch, limit and kill are", args[0])
		},
	}
	cmd.AddCommand(newJobRun(), newJobLs(), newJobWatch(), newJobLimit(), newJobKill())
	return cmd
}

// limitFlags are the flags for a job's limits.
type limitFlags struct {
	processes             int
	memory, processMemory byteCount
	cpu                   rate
	cpuTime, processTime  time.Duration
	notify, noCore        bool
	processors            string
	nice                  int
}

func (f *limitFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.processes, "pids", 0, "the most processes at a time")
	flags.Var(&f.memory, "memory", "the most memory of all together, such as 512M or 2G")
	flags.Var(&f.processMemory, "process-memory", "the most memory of each process")
	flags.Var(&f.cpu, "cpu", "the part of a processor that they get, such as 50% or 200%")
	flags.DurationVar(&f.cpuTime, "cpu-time", 0, "the processor time of all together, after which they are ended")
	flags.BoolVar(&f.notify, "notify", false, "at the end of --cpu-time end nobody, but tell who watches")
	flags.DurationVar(&f.processTime, "process-cpu-time", 0, "the processor time of each process, after which it is ended")
	flags.StringVar(&f.processors, "cpus", "", "the processors that they may use, such as 0-3,6")
	flags.IntVar(&f.nice, "nice", 0, "niceness of each process, from -20 to 19")
	flags.BoolVar(&f.noCore, "no-core", false, "no image of what dies by a fault")
}

// limits reads the flags. With old those that are not given stay as they are there.
func (f *limitFlags) limits(cmd *cobra.Command, old atoll.JobLimits) (atoll.JobLimits, error) {
	l := old
	given := cmd.Flags().Changed
	set := func(name string, assign func()) {
		if given(name) {
			assign()
		}
	}
	set("pids", func() { l.Processes = f.processes })
	set("memory", func() { l.Memory = int64(f.memory) })
	set("process-memory", func() { l.ProcessMemory = int64(f.processMemory) })
	set("cpu", func() { l.CPURate = float64(f.cpu) })
	set("cpu-time", func() { l.CPUTime = f.cpuTime })
	set("notify", func() { l.CPUTimeNotify = f.notify })
	set("process-cpu-time", func() { l.ProcessCPUTime = f.processTime })
	set("nice", func() { l.Nice = &f.nice })
	set("no-core", func() { l.DieOnUnhandled = f.noCore })
	if given("cpus") {
		var err error
		if l.Processors, err = parseProcessors(f.processors); err != nil {
			return l, err
		}
	}
	return l, nil
}

// parseProcessors reads 0-3,6; nothing is no limit.
func parseProcessors(text string) (list []int, err error) {
	if text == "" {
		return nil, nil
	}
	const most = 1024 // what the library takes
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		first, e1 := strconv.Atoi(from)
		last, e2 := strconv.Atoi(to)
		if e1 != nil || e2 != nil || first < 0 || last < first || last >= most {
			return nil, usage("%q is no list of processors, such as 0-3,6", text)
		}
		for n := first; n <= last; n++ {
			list = append(list, n)
		}
	}
	return list, nil
}

// rate is a flag for a part of a processor: 50%, or 0.5.
type rate float64

func (r *rate) String() string { return strconv.FormatFloat(100*float64(*r), 'g', 6, 64) + "%" }

// Type is what the help calls the flag's value.
func (r *rate) Type() string { return "percent" }

// Set reads the flag.
func (r *rate) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no part of a processor, such as 50%% or 1.5", text)
	}
	if percent {
		v /= 100
	}
	*r = rate(v)
	return nil
}

// showLimits says which limits there are.
func showLimits(l atoll.JobLimits) string {
	var parts []string
	add := func(given bool, format string, args ...any) {
		if given {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(l.Processes != 0, "%d processes", l.Processes)
	add(l.Memory != 0, "memory %s", showSize(l.Memory))
	add(l.ProcessMemory != 0, "memory %s each", showSize(l.ProcessMemory))
	r := rate(l.CPURate)
	add(l.CPURate != 0, "cpu %s", r.String())
	add(l.CPUTime != 0, "cpu time %v", l.CPUTime)
	add(l.ProcessCPUTime != 0, "cpu time %v each", l.ProcessCPUTime)
	add(l.Processors != nil, "cpus %s", strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Processors), " ", ","), "[]"))
	if l.Nice != nil {
		add(true, "nice %d", *l.Nice)
	}
	add(l.DieOnUnhandled, "no core")
	if parts == nil {
		return "-"
	}
	return strings.Join(parts, ", ")
}
