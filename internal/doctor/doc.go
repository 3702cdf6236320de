// Package doctor looks at all that Atoll needs of a system, and says what is
// missing, why that matters, and what to do. It changes nothing.
package doctor
