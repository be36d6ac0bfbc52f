import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../mesh/config/config.ts';
import { createPrometheusMetrics } from '../../mesh/metrics/prometheus/prometheus-metrics.ts';
import { openTokens } from '../../mesh/security/tokens/open-tokens.ts';
import { captureLog } from '../../mesh/testing/captured-log.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { systemClock } from '../../mesh/time/clock.ts';
import { openSecured } from '../secured/secured.ts';
import { localUser, openLocalIssuer } from './local-issuer.ts';

/** What a process with its settings takes a token for. */
async function believed(dataDir: string, token: string) {
  const { logger } = captureLog();
  const config = readConfig({ ...openLocalIssuer(dataDir).settings });
  const verifier = await openTokens(config, {
    clock: systemClock,
    logger,
    metrics: createPrometheusMetrics({ clock: systemClock, logger }),
  });
  onTestFinished(() => verifier?.close());
  const { subject, roles } = (await verifier?.verify(token)) ?? {};
  return { subject, roles };
}

describe('the local issuer', () => {
  it('signs tokens that processes with its settings believe', async () => {
    await using folder = await tempFolder();
    const { sign } = openLocalIssuer(folder.path);
    const token = await sign({ subject: 'ada', roles: ['operator'], lifetimeMs: 60_000 });
    expect(await believed(folder.path, token)).toEqual({ subject: 'ada', roles: ['operator'] });
  });

  it('keeps its key, and keeps it from other users', async () => {
    await using folder = await tempFolder();
    const token = await openLocalIssuer(folder.path).sign({ subject: 'ada', roles: [], lifetimeMs: 60_000 });
    openLocalIssuer(folder.path);
    expect(await believed(folder.path, token)).toEqual({ subject: 'ada', roles: [] });
    expect(statSync(join(folder.path, 'tokens/issuer.key')).mode & 0o777).toBe(0o600);
  });

  it('signs tokens that have ended at their time, and is not believed by a mesh of another', async () => {
    await using folder = await tempFolder();
    await using other = await tempFolder();
    const { sign } = openLocalIssuer(folder.path);
    const ended = await sign({ subject: 'ada', roles: [], lifetimeMs: -3_600_000 });
    await expect(believed(folder.path, ended)).rejects.toMatchObject({ reason: 'INVALID_TOKEN' });
    const valid = await sign({ subject: 'ada', roles: [], lifetimeMs: 60_000 });
    await expect(believed(other.path, valid)).rejects.toMatchObject({ reason: 'INVALID_TOKEN' });
  });
});

describe('make token', () => {
  async function run(environment: Record<string, string>) {
    await using folder = await tempFolder();
    await using program = spawnProcess({ main: 'scripts/token.ts', dataDir: folder.path, environment });
    const { code } = await program.ended;
    const token = program.stdout().trim();
    return { code, errors: program.stderr(), caller: code === 0 ? await believed(folder.path, token) : undefined };
  }

  it.each([
    [{}, { subject: localUser(), roles: [] }],
    [{ SUBJECT: 'ada' }, { subject: 'ada', roles: [] }],
    [
      { SUBJECT: 'ada', ROLES: 'operator' },
      { subject: 'ada', roles: ['operator'] },
    ],
  ])('prints one for %o', async (environment, caller) => {
    expect(await run(environment)).toEqual({ code: 0, errors: expect.any(String), caller });
  });

  it('says that no mesh checks it, unless one does', async () => {
    await using folder = await tempFolder();
    const errors = async () => {
      await using program = spawnProcess({ main: 'scripts/token.ts', dataDir: folder.path });
      await program.ended;
      return program.stderr();
    };
    const hint = `no mesh that checks tokens runs on ${folder.path}: "make start AUTH=1" starts one\n`;
    expect(await errors()).toBe(hint);
    const secured = await openSecured({ AUTH: '1' }, folder.path, []);
    using _ = secured.announce(['127.0.0.1:50051']);
    expect(await errors()).toBe('');
  });

  it.each([
    [{ HOURS: 'x' }, 'invalid HOURS "x": use more than 0, and at most 8760'],
    [{ HOURS: '0' }, 'invalid HOURS "0": use more than 0, and at most 8760'],
    [{ SUBJECT: '', ROLES: 'operator' }, 'SUBJECT is empty: set it to a user, or leave it out for your own name'],
    [
      { MAKELEVEL: '1', MAKEFLAGS: 's -- ROLES=operator USER=ada' },
      'unknown variable USER: use SUBJECT, ROLES, HOURS, DATA_DIR',
    ],
  ])('refuses %o', async (environment, errors) => {
    expect(await run(environment)).toEqual({ code: 2, errors: `${errors}\n`, caller: undefined });
  });

  it('warns of a role that no rule names', async () => {
    expect(await run({ SUBJECT: 'ada', ROLES: 'opertor' })).toEqual({
      code: 0,
      errors: expect.stringMatching(
        /^no rule of ordermesh names the role "opertor": its rules name operator and admin$/m,
      ),
      caller: { subject: 'ada', roles: ['opertor'] },
    });
  });
});
