package main

import (
	"context"
	"log"
	"time"
)

const (
	minDelay = 100 * time.Millisecond
	maxDelay = 5 * time.Second
)

// outage is a time in which the database fails, such as for a full disk or a lock. The zero value is none.
type outage struct {
	since time.Time
	delay time.Duration
}

// wait waits before the next attempt: 100 ms, then twice as long each time, up to 5 s. It logs only the first error.
func (o *outage) wait(ctx context.Context, err error) {
	if o.delay == 0 {
		o.since = time.Now()
		log.Printf("database failed, waiting for it: %v", err)
	}
	o.delay = min(max(2*o.delay, minDelay), maxDelay)
	select {
	case <-ctx.Done():
	case <-time.After(o.delay):
	}
}

func (o *outage) end() {
	if o.delay > 0 {
		log.Printf("database works again, after %s", time.Since(o.since).Round(100*time.Millisecond))
	}
	*o = outage{}
}
