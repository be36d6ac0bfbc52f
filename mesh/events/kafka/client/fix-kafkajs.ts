import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Fixes what the library does wrong, in all its clients. For the version that kafkajs.ts knows, before the first client. */
export function fixKafkajs(): void {
  stopIdleTimers();
  connectOnce();
  letLeadersBeMissing();
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

/**
 * After its first answer, each connection of the library sets a timer of 1 ms again and again for throttled requests,
 * even if there are none. A throttled request sets the timer by itself.
 */
function stopIdleTimers(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue') as { readonly prototype: RequestQueue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}

interface Connection {
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
}

/**
 * Each request that finds its connection closed connects it. Without this, requests of one moment would open a socket each,
 * of which only the last is used, and what they write would wait for that with a listener each.
 */
function connectOnce(): void {
  const { prototype } = require('kafkajs/src/network/connection') as { readonly prototype: Connection };
  const { connect, disconnect } = prototype;
  const connecting = new WeakMap<Connection, Promise<boolean>>();
  prototype.connect = function (this: Connection) {
    const known = connecting.get(this);
    if (known !== undefined) return known;
    const attempt: Promise<boolean> = connect.call(this).finally(() => {
      if (connecting.get(this) === attempt) connecting.delete(this);
    });
    connecting.set(this, attempt);
    return attempt;
  };
  prototype.disconnect = function (this: Connection) {
    // The attempt of a socket that ends before it is ready never settles.
    connecting.delete(this);
    return disconnect.call(this);
  };
}

interface Metadata {
  readonly topicMetadata: readonly { readonly partitionMetadata: readonly { readonly leader: number }[] }[];
}

/**
 * A partition without a leader makes the library refuse all metadata of topics, so a group could neither read other
 * partitions nor stay together. Requests for that partition still fail, because there is no broker for them.
 */
function letLeadersBeMissing(): void {
  for (const version of [0, 1, 2, 3, 4, 5, 6]) {
    const response = require(`kafkajs/src/protocol/requests/metadata/v${version}/response`) as {
      parse(answer: Metadata): Promise<Metadata>;
    };
    const { parse } = response;
    response.parse = async (answer) => {
      const topicMetadata = answer.topicMetadata.map((topic) => ({
        ...topic,
        partitionMetadata: topic.partitionMetadata.filter(({ leader }) => leader >= 0),
      }));
      await parse({ ...answer, topicMetadata });
      return answer;
    };
  }
}
