import { beforeAll, describe, expect, it } from 'vitest';
import { spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { splitServices } from '../../scripts/split/run.ts';
import { readText } from './support/compose-file.ts';

describe('docs/containers.md', () => {
  let page: string;
  let commands: readonly string[];

  beforeAll(async () => {
    page = await readText('docs/containers.md');
    commands = [...page.matchAll(/^(?:ORDERMESH_VERSION=<.*?> )?docker .*$/gm)].map(([line]) =>
      line.replace(/\s+#.*/, ''),
    );
  });

  it('runs services in a container that can start without others', async () => {
    const services = commands.map((line) =>
      /^docker run .* ordermesh\/ordermesh:\S+ (.+)$/.exec(line)?.[1]?.split(' '),
    );
    const [args, ...others] = services.filter((names) => names !== undefined);
    expect(others).toEqual([]);
    await using folder = await tempFolder();
    await using started = await startProcess({ dataDir: folder.path, args: args ?? [] });
    expect(started.stdout()).toContain(` services=${args?.join(',')} `);
  });

  it('says which services order needs', async () => {
    const [, ...called] = /`order` calls (\w+), (\w+), (\w+) and (\w+)\./.exec(page) ?? [];
    expect(called).toHaveLength(4);
    await using folder = await tempFolder();
    await using refused = spawnProcess({ dataDir: folder.path, args: ['order'] });
    expect(await refused.ended).toMatchObject({ code: 2 });
    for (const name of called)
      expect(refused.stderr()).toMatch(new RegExp(`DISCOVERY_URL has no address of .*\\b${name}\\b`));
  });

  it('names the profile wherever a command of Compose is about services of the mesh', () => {
    const names = splitServices.map(({ name }) => name);
    const about = commands.filter((line) =>
      names.some((name) => new RegExp(`docker compose .*\\b${name}\\b`).test(line)),
    );
    expect(about.length).toBeGreaterThan(2);
    expect(about.filter((line) => !line.includes(' --profile mesh '))).toEqual([]);
  });
});
