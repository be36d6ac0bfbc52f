import type { ResponseWriter } from '../response/write-response.ts';
import type { BegunStream } from '../rest.ts';

/** Writes the messages of a stream as one JSON array, each on a line of its own. */
export async function* jsonArray({ first, rest }: BegunStream, write: ResponseWriter): AsyncGenerator<string> {
  try {
    let before = '[\n';
    for (let next = first; !next.done; next = await rest.next()) {
      yield before + write(next.value);
      before = ',\n';
    }
    yield before === '[\n' ? '[]\n' : '\n]\n';
  } finally {
    await rest.return?.();
  }
}
