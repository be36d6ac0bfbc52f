/** The maximum size of an answer, or of a line of one: a registry, or what is in its place, must not fill the memory. */
export const maxAnswerBytes = 4 * 1024 * 1024;

/** Reads a whole body. Throws what `tooLong` returns if it is longer than an answer may be. */
export async function readText(body: AsyncIterable<Buffer>, tooLong: () => Error): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Returns the lines of a body that are not empty. Throws what `tooLong` returns if one is longer than an answer may be. */
export async function* readLines(body: AsyncIterable<Buffer>, tooLong: () => Error): AsyncGenerator<string, undefined> {
  let begun: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...begun, chunk.subarray(start, end)]).toString('utf8');
      [begun, bytes, start] = [[], 0, end + 1];
      if (line.trim() !== '') yield line;
    }
    begun.push(chunk.subarray(start));
    bytes += chunk.length - start;
    if (bytes > maxAnswerBytes) throw tooLong();
  }
  return undefined;
}
