/** A page of metrics as Prometheus reads it. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly help: string;
  /** Of a histogram: its sums, buckets and counts. */
  readonly samples: readonly Sample[];
}

export async function scrape(url: string): Promise<ReadonlyMap<string, Family>> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: status ${response.status}`);
  return families(await response.text());
}

export function families(page: string): ReadonlyMap<string, Family> {
  const found = new Map<string, { type: string; help: string; samples: Sample[] }>();
  const family = (name: string) => {
    const known = found.get(name) ?? { type: '', help: '', samples: [] };
    found.set(name, known);
    return known;
  };
  for (const line of page.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') family(name).help = rest;
    else if (kind === 'TYPE') family(name).type = rest;
    else if (line !== '' && !line.startsWith('#')) {
      const [, series = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
      const base = series.replace(/_(bucket|sum|count)$/, '');
      const of = found.get(base)?.type === 'histogram' ? base : series;
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text]);
      family(of).samples.push({ labels: Object.fromEntries(pairs), value: Number(value) });
    }
  }
  return found;
}

/** Sum over the series that carry these labels. */
export function sumOf(family: Family | undefined, labels: Readonly<Record<string, string>> = {}): number {
  const fits = (sample: Sample): boolean =>
    Object.entries(labels).every(([key, value]) => sample.labels[key] === value);
  return (family?.samples ?? []).filter(fits).reduce((sum, { value }) => sum + value, 0);
}
