import { once } from 'node:events';

/** A message that a browser sends without being asked. */
export interface DevToolsEvent {
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: each event has parameters of its own.
  readonly params: any;
  readonly sessionId?: string;
}

/** A connection to a browser by its DevTools protocol. */
export interface DevTools extends Disposable {
  /** Rejects with the answer of the browser if it refuses the command. */
  // biome-ignore lint/suspicious/noExplicitAny: each command has a result of its own.
  send(method: string, params?: object, sessionId?: string): Promise<any>;
  /** Called with each event. */
  onEvent(listener: (event: DevToolsEvent) => void): void;
}

/** Connects to a browser. */
export async function connectDevTools(address: string): Promise<DevTools> {
  const socket = new WebSocket(address);
  await once(socket, 'open');
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const listeners: ((event: DevToolsEvent) => void)[] = [];
  let lastId = 0;
  socket.addEventListener('message', ({ data }) => {
    const { id, result, error, ...event } = JSON.parse(data);
    if (id === undefined) for (const listener of listeners) listener(event);
    else if (error) waiting.get(id)?.reject(new Error(JSON.stringify(error)));
    else waiting.get(id)?.resolve(result);
    waiting.delete(id);
  });
  socket.addEventListener('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('the browser closed the connection'));
  });
  return {
    async send(method, params = {}, sessionId) {
      lastId += 1;
      const answer = Promise.withResolvers<unknown>();
      waiting.set(lastId, answer);
      socket.send(JSON.stringify({ id: lastId, method, params, ...(sessionId && { sessionId }) }));
      return await answer.promise;
    },
    onEvent: (listener) => void listeners.push(listener),
    [Symbol.dispose]: () => socket.close(),
  };
}
