/** How names are completed, as resolv.conf(5) says. */
export interface SearchRules {
  /** Suffixes, without a leading dot. */
  readonly search: readonly string[];
  /** A name with at least this number of dots is tried as it is first. */
  readonly ndots: number;
}

/** Of a system without a file. */
export const noSearch: SearchRules = { search: [], ndots: 1 };

const maxNdots = 15;

/** Reads the search rules of a resolv.conf. Of several lines with `search` or `domain`, the last one counts. */
export function parseResolvConf(text: string): SearchRules {
  let { search, ndots } = noSearch;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search') search = values;
    else if (keyword === 'domain') search = values.slice(0, 1);
    else if (keyword === 'options') {
      const digits = values.map((option) => /^ndots:(\d+)$/.exec(option)?.[1]).findLast((found) => found !== undefined);
      if (digits !== undefined) ndots = Math.min(Number(digits), maxNdots);
    }
  }
  return { search: search.map((suffix) => suffix.replace(/^\.+|\.+$/g, '')).filter((suffix) => suffix !== ''), ndots };
}

/** The absolute names to ask for, in order: the first that exists counts. */
export function searchNames(name: string, { search, ndots }: SearchRules): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const completed = search.map((suffix) => `${name}.${suffix}`);
  const dots = name.split('.').length - 1;
  return dots >= ndots ? [name, ...completed] : [...completed, name];
}
