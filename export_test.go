package gapless

// Queue returns how many batches wait to be sent, and how many goroutines send.
func (c *GroupCommitter) Queue() (batches, senders int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue), c.senders
}

// MistakeBackend has the flusher believe that it had another backend when it connected. Nobody may be waiting for it.
func (c *GroupCommitter) MistakeBackend() { c.lastFlusher().pid++ }
