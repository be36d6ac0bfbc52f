import { clients } from '../examples/support/clients.ts';
import { createProgress } from '../examples/support/progress.ts';
import { ProjectionServiceDefinition } from '../gen/ts/ops/v1/projection.ts';
import { projectionTable } from './rebuild/projection-table.ts';
import { showRebuild } from './rebuild/show-rebuild.ts';
import { readArgs } from './support/read-args.ts';
import { runTool, UsageError } from './support/run-tool.ts';

// Makes a projection of a mesh again, or lists them. Exits with 0 when that was done, with 1 when a dry run found rows that
// differ, with 2 when it could not be done.

const usage = `                           lists the projections, and how far behind they are
<projection>               makes one again, and has it answer queries
<projection> --dry-run     makes it again, compares, and leaves it as it is
help                       shows this

A projection is named as in the list; its service may be left out where only one has it.
ADDRESS says where the mesh is (default 127.0.0.1:50051)
`;

await runTool(usage, async (channel) => {
  const { values, positionals } = readArgs(process.argv.slice(2), { 'dry-run': { type: 'boolean' } });
  const { 'dry-run': dryRun = false } = values;
  const [name, ...others] = positionals;
  const projections = clients.create(ProjectionServiceDefinition, channel);
  if (others.length > 0) throw new UsageError('one projection at a time can be made again');
  if (name === 'help') {
    console.log(usage.trimEnd());
    return 0;
  }
  if (name === undefined) {
    if (dryRun) throw new UsageError('--dry-run needs the name of a projection');
    const table = projectionTable(await Array.fromAsync(projections.listProjections({})), Date.now());
    for (const line of table) console.log(line);
    return 0;
  }
  return await showRebuild(projections.rebuildProjection({ name, dryRun }), createProgress(), console.log);
});
