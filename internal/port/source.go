//go:build linux

package port

import (
	"atoll/internal/job"
	"atoll/internal/layout"
)

type ofJob struct {
	*job.Job
	*job.Scene
}

// OfJob is a job that is observed as a source of messages.
func OfJob(j *job.Job) Source { return ofJob{j, j.Watch()} }

func (o ofJob) Tells() bool {
	l, err := o.Limits()
	return err == nil && l.Flags&layout.JobTimeTell != 0
}
