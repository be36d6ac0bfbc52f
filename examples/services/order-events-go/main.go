// Command order-events-go follows order.events and keeps what each user has spent, in a SQLite file. It counts each event
// once, however often Kafka delivers it and whenever this program is killed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const topic = "order.events"

func main() {
	brokers := flag.String("brokers", "127.0.0.1:9092", "Kafka brokers, `host:port,...`")
	group := flag.String("group", "order-events-go", "consumer `group`")
	instance := flag.String("instance", "", "`name` of this member of the group, which keeps its partitions while it restarts")
	file := flag.String("database", "spending.db", "SQLite `file`, created if it is missing")
	flag.Parse()
	if err := run(strings.Split(*brokers, ","), *group, *instance, *file); err != nil {
		log.Fatal(err)
	}
}

func run(brokers []string, group, instance, file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	store, err := openStore(file)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", file, err)
	}
	defer store.Close()
	options := []kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.ConsumerGroup(group),
		kgo.SessionTimeout(10 * time.Second),
		kgo.ConsumeTopics(topic),
		// A new group begins with the first event.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		// No partition goes to another member of the group while its events are handled.
		kgo.BlockRebalanceOnPoll(),
	}
	if instance != "" {
		// Under its old name, a process that was killed gets its partitions immediately, not after the session timeout.
		options = append(options, kgo.InstanceID(instance))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	if err := client.Ping(ctx); err != nil {
		return fmt.Errorf("cannot reach Kafka at %s: %w", strings.Join(brokers, ","), err)
	}
	fmt.Printf("ready topic=%s group=%s\n", topic, group)
	var failing outage
	for ctx.Err() == nil {
		handled, err := handleNext(ctx, client, store)
		if handled > 0 {
			failing.end()
		}
		if errors.Is(err, kerr.FencedInstanceID) {
			return fmt.Errorf("another process runs as -instance %s of group %s: start each under its own name", instance, group)
		}
		if err != nil {
			failing.wait(ctx, err)
		}
	}
	return nil
}

// handleNext handles what the brokers have, one event after another: events of one order are in one partition, and stay in
// their order. It commits the offsets after the effects. If the program dies in between, Kafka delivers the events again,
// and the store knows them. If the store fails, the next call begins with the event that it failed on. It returns
// kerr.FencedInstanceID if another process has taken the name of this one, and its partitions with it.
func handleNext(ctx context.Context, client *kgo.Client, store *store) (handled int, err error) {
	fetches := client.PollRecords(ctx, 500)
	// Partitions may go to another member before the next poll, so also while this one waits for its database.
	defer client.AllowRebalance()
	for _, failed := range fetches.Errors() {
		if errors.Is(failed.Err, kerr.FencedInstanceID) {
			return 0, failed.Err
		}
		// The client has its own further attempts for the others. One of them is the stop signal.
		if ctx.Err() == nil {
			log.Printf("%s, partition %d: %v", failed.Topic, failed.Partition, failed.Err)
		}
	}
	var done []*kgo.Record
	next := map[int32]kgo.EpochOffset{}
	for record := range fetches.RecordsAll() {
		if err == nil {
			err = store.handle(record)
		}
		if err == nil {
			done = append(done, record)
		} else if _, isKnown := next[record.Partition]; !isKnown {
			next[record.Partition] = kgo.EpochOffset{Epoch: record.LeaderEpoch, Offset: record.Offset}
		}
	}
	commit(ctx, client, done)
	client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: next})
	return len(done), err
}

// commit commits the offsets of events that were handled, after a stop signal too.
func commit(ctx context.Context, client *kgo.Client, done []*kgo.Record) {
	if len(done) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := client.CommitRecords(ctx, done...); err != nil {
		log.Printf("offsets not committed, so their events come again: %v", err)
	}
}
