// Package app is the composition: a configuration goes in, running listeners come out.
//
// It owns which part is connected to which, the listeners, and the order of start and
// stop. It holds no rule of its own: whoever looks for behaviour finds it in the
// package that a line here names.
package app
