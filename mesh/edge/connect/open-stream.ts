import type { FastifyReply } from 'fastify';
import type { MethodKind } from '../../engines/engine.ts';
import type { OpenStream } from '../../server/forwarding/end-idle-streams.ts';
import type { HttpCall } from '../http-call.ts';

/**
 * Adds a stream to those that a drain ends when they are idle, until the answer is closed. Returns what to call for each
 * message.
 */
export function addStream(
  streams: Set<OpenStream>,
  kind: MethodKind,
  call: HttpCall,
  { raw }: FastifyReply,
): () => void {
  let messages = 0;
  const stream: OpenStream = {
    kind,
    call: {
      requestBytes: 0,
      // Any number that changes with each message.
      get replyBytes() {
        return messages;
      },
      get waitsForReader() {
        return raw.writableNeedDrain;
      },
      fail: (error) => call.end(error),
    },
  };
  streams.add(stream);
  raw.once('close', () => streams.delete(stream));
  return () => {
    messages += 1;
  };
}
