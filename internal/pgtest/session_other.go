//go:build !unix

package pgtest

import "syscall"

func sessionOfItsOwn() *syscall.SysProcAttr { return nil }
