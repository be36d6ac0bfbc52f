import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTestIssuer } from '../../security/testing/test-issuer.ts';
import { testStarts } from './testing/test-starts.ts';

const starts = testStarts();

async function runWithTokens(): Promise<void> {
  const { keySet, issuer, audience } = await createTestIssuer();
  const file = join(starts.folder, 'jwks.json');
  await writeFile(file, keySet);
  const settings = { AUTH_JWKS: file, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience };
  await starts.run(undefined, undefined, settings);
}

describe('a start without tokens', () => {
  it('warns once that the last start asked for them', async () => {
    await runWithTokens();
    await runWithTokens();
    expect(starts.warnings()).toEqual([]);
    await starts.run();
    const msg = expect.stringMatching(
      /^the last start on this folder asked callers for tokens, and this one does not: /,
    );
    expect(starts.warnings()).toEqual([expect.objectContaining({ level: 'warn', folder: starts.data, msg })]);
    starts.clearLog();
    await starts.run();
    expect(starts.warnings()).toEqual([]);
  });

  it('warns of it also after an operator has read the folder', async () => {
    await runWithTokens();
    await starts.run([]);
    expect(starts.warnings()).toEqual([]);
    await starts.run();
    expect(starts.warnings()).toHaveLength(1);
  });
});
