// Package app is the composition: a configuration goes in, running listeners come out.
//
// It owns which part is connected to which, the listeners, the order of start and
// stop, and the reload: a generation of everything that hangs on one configuration, in
// place of the one before. It holds no rule of its own: whoever looks for behaviour finds it in the
// package that a line here names.
package app
