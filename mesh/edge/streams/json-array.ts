import type { StreamFormat } from './stream-format.ts';

/** One JSON array, each message on a line of its own. After an error it is cut off, and so no JSON. */
export const jsonArray: StreamFormat = {
  contentType: 'application/json',
  async *write({ first, rest }, { write, failed }) {
    try {
      let before = '[\n';
      for (let next = first; !next.done; next = await rest.next()) {
        yield before + write(next.value);
        before = ',\n';
      }
      yield before === '[\n' ? '[]\n' : '\n]\n';
    } catch (error) {
      failed(error);
      throw error;
    } finally {
      await rest.return?.();
    }
  },
};
