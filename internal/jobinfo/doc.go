// Package jobinfo answers one question: what do Windows' structures about a job say, of
// limits that Linux has, and of what it has counted?
package jobinfo
