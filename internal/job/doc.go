// Package job is what keeps the processes of a job together, limits them and ends
// them: a control group where one can be made, else guardians that stand above them.
// It knows the job by its file; who may use it, and who waits for it, is for those
// who import it.
package job
