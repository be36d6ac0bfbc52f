import { Agent, request } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface HttpLoop {
  readonly address: string;
  readonly path: string;
  /** The body of a POST request. Unset: GET. */
  readonly json?: string;
  readonly perSecond: number;
  readonly seconds: number;
}

const maxConnections = 64;

/**
 * Sends requests at random times, `perSecond` on average, even if earlier ones are not answered: a server that is slow for a
 * while delays all requests of that time. Returns the time of each answer since its request was due, in milliseconds.
 */
export async function openHttpLoop({ address, path, json, perSecond, seconds }: HttpLoop): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: maxConnections });
  const latenciesMs: number[] = [];
  const answers: Promise<void>[] = [];
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  for (let dueMs = startMs; dueMs < endMs; ) {
    for (const nowMs = performance.now(); dueMs <= nowMs && dueMs < endMs; ) {
      const sinceMs = dueMs;
      answers.push(
        answerOf(`http://${address}${path}`, json, agent).then(
          () => void latenciesMs.push(performance.now() - sinceMs),
        ),
      );
      dueMs -= (Math.log(1 - Math.random()) * 1_000) / perSecond;
    }
    await nextTurn();
  }
  await Promise.all(answers);
  agent.destroy();
  return latenciesMs;
}

function answerOf(url: string, json: string | undefined, agent: Agent): Promise<void> {
  const post = { method: 'POST', headers: { 'content-type': 'application/json' } };
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, ...(json !== undefined && post) }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${url} answered ${response.statusCode}`));
      response.resume().once('end', resolve).once('error', reject);
    });
    sent.once('error', reject).end(json);
  });
}
