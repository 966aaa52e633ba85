/** What a node tells Prometheus, for a benchmark that asks once. */

/**
 * Value of one metric of an exposition; undefined where it does not stand there. `labels` as they are written, in their
 * order: `quantile="0.99"`. Pure.
 */
export function metricOf(exposition: string, name: string, labels = ''): number | undefined {
  const head = labels === '' ? `${name} ` : `${name}{${labels}} `;
  const line = exposition.split('\n').find((one) => one.startsWith(head));
  return line === undefined ? undefined : Number(line.slice(head.length).split(' ')[0]);
}

/** Throws where the node does not answer. */
export async function scrape(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.text();
}
