import type { Problem } from '../problem.ts';

/** How the messages of a stream become the body of an answer. */
export interface StreamFormat {
  /** The text before the first message. `id`: where to resume before it; empty: a new request starts there. */
  start(id: string): string;
  /** The text of a message in JSON. `id`: where to resume after it, empty if unknown. */
  message(json: string, id: string, isFirst: boolean): string;
  /** The text after the last message. */
  end(isEmpty: boolean): string;
  /** The text after the last message of a stream that failed; `undefined`: the connection is cut, so no one takes a part for all. */
  failure(problem: Problem): string | undefined;
  /** Whether messages have an id. */
  readonly hasIds: boolean;
  /** What keeps a silent connection open; `undefined`: the format has nothing that readers ignore. */
  readonly heartbeat: string | undefined;
}

const jsonArray: StreamFormat = {
  start: () => '[',
  message: (json, _, isFirst) => (isFirst ? `\n${json}` : `,\n${json}`),
  end: (isEmpty) => (isEmpty ? ']\n' : '\n]\n'),
  failure: () => undefined,
  hasIds: false,
  heartbeat: undefined,
};

const jsonLines: StreamFormat = {
  start: () => '',
  message: (json) => `${json}\n`,
  end: () => '',
  failure: (problem) => `${JSON.stringify({ error: problem })}\n`,
  hasIds: false,
  heartbeat: undefined,
};

/** How long a browser waits before it connects again. */
const retryMs = 1_000;

const eventStream: StreamFormat = {
  // An event without data is not dispatched, but its id counts.
  start: (id) => `retry: ${retryMs}\n${id === '' ? '' : `id: ${id}\n`}\n`,
  message: (json, id) => (id === '' ? `data: ${json}\n\n` : `id: ${id}\ndata: ${json}\n\n`),
  // An event without data would not be dispatched.
  end: () => 'event: end\ndata: {}\n\n',
  failure: (problem) => `event: error\ndata: ${JSON.stringify(problem)}\n\n`,
  hasIds: true,
  heartbeat: ':\n\n',
};

/** The media types of a stream, by preference: the first is sent to a client that accepts anything. */
export const streamTypes = [
  'application/json',
  'application/x-ndjson',
  'application/jsonl',
  'text/event-stream',
] as const;

export type StreamType = (typeof streamTypes)[number];

/** The format of each media type. */
export const streamFormats: Readonly<Record<StreamType, StreamFormat>> = {
  'application/json': jsonArray,
  'application/x-ndjson': jsonLines,
  'application/jsonl': jsonLines,
  'text/event-stream': eventStream,
};
