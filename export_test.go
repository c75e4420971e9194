package gapless

// Queue returns how many batches wait to be sent, and how many goroutines send.
func (c *GroupCommitter) Queue() (batches, senders int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue), c.senders
}
