import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { h2spec } from '../../../mesh/testing/servers/go-tools.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { runTool } from '../support/run-tool.ts';

/** The outcome of a case. A case is skipped if the server gives no occasion for it. */
export type Outcome = 'passed' | 'failed' | 'skipped';

/** Outcomes by case id: `http2/6.9.1/2` is the second case of section 6.9.1. */
export type Outcomes = Readonly<Record<string, Outcome>>;

/** The number of cases in the installed version: generic, http2 and hpack, including the strict ones. */
export const caseCount = 146;

// Cases mostly wait, so parts of similar duration run concurrently.
const parts = [['generic', 'hpack', 'http2/3', 'http2/4', 'http2/8'], ['http2/5'], ['http2/6', 'http2/7']];

/** Runs all cases of h2spec against a server, with requests for `path`. Takes about 15 s if many fail. */
export async function runH2spec(port: number, path: string): Promise<Outcomes> {
  const outcomes = await Promise.all(parts.map((part) => runPart(part, port, path)));
  return Object.assign({}, ...outcomes);
}

async function runPart(part: readonly string[], port: number, path: string): Promise<Outcomes> {
  await using folder = await tempFolder();
  const report = join(folder.path, 'report.xml');
  const target = ['--strict', `--port=${port}`, `--path=${path}`, `--junit-report=${report}`];
  const { output } = await runTool([h2spec.path, ...part, ...target]);
  const text = await readFile(report, 'utf8').catch(() => '');
  if (!text.includes('</testsuites>')) throw new Error(`h2spec ${part.join(' ')} wrote no report:\n${output}`);
  return readReport(text);
}

/** Parses a JUnit report of h2spec. */
export function readReport(xml: string): Outcomes {
  const outcomes: Record<string, Outcome> = {};
  for (const [, section = '', cases = ''] of xml.matchAll(
    /<testsuite [^>]*package="([^"]*)"[^>]*>(.*?)<\/testsuite>/gs,
  )) {
    for (const [index, [, result = '']] of [...cases.matchAll(/<testcase [^>]*>(.*?)<\/testcase>/gs)].entries()) {
      outcomes[`${section}/${index + 1}`] = outcomeOf(result);
    }
  }
  return outcomes;
}

function outcomeOf(result: string): Outcome {
  if (result.includes('<skipped')) return 'skipped';
  return /<(error|failure)/.test(result) ? 'failed' : 'passed';
}
