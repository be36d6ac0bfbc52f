import { describe, expect, it } from 'vitest';
import { curlLines, runCurlLines } from './curl-lines.ts';

const fence = '```';

describe('curlLines', () => {
  it.each([
    `${fence}sh\ncurl -s localhost:8080\n${fence}`,
    `${fence}\necho '{}' | curl --data-binary @- localhost:8080\n${fence}`,
    `1. So:\n\n   ${fence}sh\n   curl 'localhost:8080/api/users?limit=1'\n   ${fence}`,
    'Call it with `curl localhost:8080/api/users`.',
    'curl https://example.com',
    '$(curl "$URL")',
    'curl \\\n  localhost',
  ])('finds the call in %j', (markdown) => {
    expect(curlLines(markdown)).toHaveLength(1);
  });

  it.each(['for curl. The path is', 'grpcurl -plaintext localhost:50051 list', 'curl (`POST`)', 'curl and a browser'])(
    'finds none in %j',
    (markdown) => {
      expect(curlLines(markdown)).toEqual([]);
    },
  );
});

describe('runCurlLines', () => {
  it('are those of blocks that are run and whose output is compared', () => {
    const shown = `${fence}text\nok\n${fence}`;
    const page = (...blocks: string[]) => blocks.join('\n\n');
    const block = (language: string, line: string) => `${fence}${language}\n${line}\n${fence}`;
    expect(runCurlLines(page(block('sh', 'curl -s a:1'), shown))).toEqual(['curl -s a:1']);
    expect(runCurlLines(page(block('sh', '# curl -s a:1'), shown))).toEqual([]);
    expect(runCurlLines(page(block('', 'curl -s a:1'), shown))).toEqual([]);
    expect(runCurlLines(page(block('sh', 'curl -s a:1')))).toEqual([]);
    expect(runCurlLines('`curl -s a:1`')).toEqual([]);
  });
});
