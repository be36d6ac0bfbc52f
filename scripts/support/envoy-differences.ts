import { type Compared, comparedProbes, describeAnswer } from '../edge/envoy/comparison.ts';
import { differences } from '../edge/envoy/differences/differences.ts';
import { escapeControls } from './format.ts';

/** The columns of a table of differences from Envoy. */
export const differenceColumns = ['request', 'Envoy', 'ordermesh'];

/** What Envoy and ordermesh answer otherwise for one reason. */
export interface DifferenceTable {
  readonly because: string;
  readonly rows: readonly (readonly string[])[];
}

/** A table for each reason, and how many probes both answer alike. */
export function differenceTables(): { readonly tables: readonly DifferenceTable[]; readonly equal: number } {
  const probes = comparedProbes();
  const tables = differences.map(({ because }) => ({
    because,
    rows: probes
      .filter(({ differing }) => differing?.because === because)
      .map(({ probe, differing }) =>
        [requestOf(probe), differing?.envoy ?? '', describeAnswer(probe.answer)].map(code),
      ),
  }));
  return { tables, equal: probes.filter(({ differing }) => differing === undefined).length };
}

function requestOf({
  verb,
  target,
  body,
  headers = {},
}: Compared & { headers?: Readonly<Record<string, string>> }): string {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value === '' ? '(none)' : value}`);
  return [`${verb} ${target}`, ...fields, ...(body === undefined ? [] : [body])].join(' ');
}

/** As code in a cell of Markdown. */
function code(text: string): string {
  const shown = escapeControls(text).replaceAll('|', '\\|');
  return shown.includes('`') ? `\`\` ${shown} \`\`` : `\`${shown}\``;
}
