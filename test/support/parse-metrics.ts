const sample = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)$/;

/**
 * Returns the values of a text in Prometheus's exposition format by their series. Throws if the text is not valid: each
 * metric has one HELP and one TYPE before its samples, which are together, and no series comes twice.
 */
export function parseMetrics(text: string): Map<string, number> {
  const values = new Map<string, number>();
  const ended = new Set<string>();
  let current: { readonly name: string; type?: string } | undefined;
  if (!text.endsWith('\n')) throw new Error('the text does not end with a newline');
  for (const line of text
    .slice(0, -1)
    .split('\n')
    .filter((each) => each !== '')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) ([a-z_]+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (current) ended.add(current.name);
      if (ended.has(name) || rest === '') throw new Error(`unexpected or empty: ${line}`);
      current = { name };
    } else if (keyword === 'TYPE') {
      if (current?.name !== name || current.type || !['gauge', 'counter'].includes(rest))
        throw new Error(`unexpected: ${line}`);
      if ((rest === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is not named like a ${rest}`);
      current.type = rest;
    } else {
      const [, metric = '', labels = '', value] = sample.exec(line) ?? [];
      if (!current?.type || metric !== current.name) throw new Error(`unexpected: ${line}`);
      const series = `${metric}${labels}`;
      if (values.has(series)) throw new Error(`${series} comes twice`);
      values.set(series, Number(value));
    }
  }
  return values;
}
