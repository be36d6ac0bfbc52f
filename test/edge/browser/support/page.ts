import { setTimeout as delay } from 'node:timers/promises';
import type { DevTools, DevToolsEvent } from './dev-tools.ts';

/** A page in a browser. */
export interface Page {
  /** What went wrong in it: exceptions, and the errors of its console, also about requests. */
  readonly errors: readonly string[];
  /** Returns the value of a JavaScript expression, which must be JSON. Waits for a promise. */
  evaluate(expression: string): Promise<unknown>;
  /** Waits until an expression is true. Rejects after 20 s with the text and the errors of the page. */
  until(expression: string): Promise<void>;
}

const waitMs = 20_000;
const pollMs = 50;

/** Opens a page in a window of its own. */
export async function openPage(devTools: DevTools, url: string): Promise<Page> {
  const { targetId } = await devTools.send('Target.createTarget', {
    url: 'about:blank',
    newWindow: true,
    width: 1200,
    height: 900,
  });
  const { sessionId } = await devTools.send('Target.attachToTarget', { targetId, flatten: true });
  const send = (method: string, params?: object) => devTools.send(method, params, sessionId);
  const errors: string[] = [];
  devTools.onEvent((event) => {
    if (event.sessionId === sessionId) errors.push(...errorsOf(event));
  });
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);
  await send('Page.navigate', { url });

  async function evaluate(expression: string): Promise<unknown> {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await send('Runtime.evaluate', options);
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
    return result.value;
  }

  return {
    errors,
    evaluate,
    async until(expression) {
      for (const endMs = performance.now() + waitMs; (await evaluate(expression)) !== true; await delay(pollMs)) {
        if (performance.now() < endMs) continue;
        const text = await evaluate('document.body.innerText');
        throw new Error(`not within ${waitMs} ms: ${expression}\n${text}\n${errors.join('\n')}`);
      }
    },
  };
}

function errorsOf({ method, params }: DevToolsEvent): string[] {
  if (method === 'Runtime.exceptionThrown') return [describe(params.exceptionDetails)];
  if (method === 'Runtime.consoleAPICalled' && params.type === 'error') {
    return [
      params.args.map((arg: { value?: unknown; description?: string }) => arg.value ?? arg.description).join(' '),
    ];
  }
  if (method === 'Log.entryAdded' && params.entry.level === 'error')
    return [`${params.entry.text} ${params.entry.url ?? ''}`];
  return [];
}

function describe({ text, exception }: { text: string; exception?: { description?: string } }): string {
  return exception?.description ?? text;
}
