/** The names of the kinds of methods in the errors of misused middleware. */
export type KindName = 'unary' | 'server streaming' | 'client streaming' | 'bidirectional streaming';

// biome-ignore lint/suspicious/noConfusingVoidType: it is the type of middleware in nice-grpc-common.
type Returned<Message> = Message | void;
type Generator<Message> = AsyncGenerator<Message, Returned<Message>, undefined>;

/** Runs middleware around a method with one response. Middleware that yields or returns nothing gets an error thrown into it. */
export async function singleResult<Message>(generator: Generator<Message>, kind: KindName): Promise<Message> {
  let result = await generator.next();
  for (;;) {
    if (!result.done) {
      const text = `A middleware yielded a message, but expected to only return a message for ${kind} method`;
      result = await generator.throw(new Error(text));
    } else if (result.value === undefined || result.value === null) {
      const text = `A middleware returned void, but expected to return a message for ${kind} method`;
      result = await generator.throw(new Error(text));
    } else {
      return result.value;
    }
  }
}

/** The responses of middleware around a method with a stream of them. It gets an error thrown into it if it returns one. */
export function manyResults<Message>(
  generator: Generator<Message>,
  kind: KindName,
): AsyncIterableIterator<Message, undefined> {
  const checked = async (
    result: IteratorResult<Message, Returned<Message>>,
  ): Promise<IteratorResult<Message, undefined>> => {
    if (!result.done) return result;
    if (result.value === undefined || result.value === null) return { done: true, value: undefined };
    const text = `A middleware returned a message, but expected to return void for ${kind} method`;
    return await checked(await generator.throw(new Error(text)));
  };
  return {
    next: async () => await checked(await generator.next()),
    return: async () => {
      await generator.return(undefined);
      return { done: true, value: undefined };
    },
    throw: async (error: unknown) => await checked(await generator.throw(error)),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Throws if middleware passed on one request in place of a stream, or the other way round. */
export function checkRequest(request: unknown, isStream: boolean, kind: KindName): void {
  if (isAsyncIterable(request) === isStream) return;
  throw new Error(
    `A middleware passed invalid request to next(): expected ${isStream ? 'an async iterable' : 'a single message'} for ${kind} method`,
  );
}

function isAsyncIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
