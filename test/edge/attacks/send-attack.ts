import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type RawAnswer, readAnswers } from '../support/read-answers.ts';
import type { Attack } from './attack.ts';

/** How long nothing must come after the expected answers: the answer of a smuggled request would. */
const quietMs = 30;

/** Sends a whole connection, and returns its answers: those that are expected, and what follows. */
export async function sendAttack(
  connect: () => Socket,
  { bytes, answers, ends = false }: Attack,
): Promise<readonly RawAnswer[]> {
  const socket = connect();
  const chunks: Buffer[] = [];
  let quiet: NodeJS.Timeout | undefined;
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    clearTimeout(quiet);
    if (readAnswers(Buffer.concat(chunks)).length < answers.length) return;
    quiet = setTimeout(() => socket.destroy(), quietMs);
  });
  // One that still sends when it is closed may be reset after its answer.
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  if (ends) socket.end();
  await Promise.race([closed, delay(10_000, undefined, { ref: false })]);
  socket.destroy();
  return readAnswers(Buffer.concat(chunks));
}
