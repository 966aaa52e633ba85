/** Seconds between two lines about the same step where there is no terminal to rewrite the line on. */
const QUIET_SECONDS = 10;

/** @typedef {{ start(text: string): void, output(line: string): void, done(text?: string): void, note(text: string): void }} Step */

/**
 * One line when a step starts something long, one when it is done; in between the last line of output, rewritten in
 * place on a terminal and now and then elsewhere. Written to stderr, so that stdout stays the program's own.
 *
 * @param {{ write(text: string): unknown, isTTY?: boolean, columns?: number }} out
 * @param {() => number} seconds elapsed time; `process.uptime` outside tests
 */
export function createProgress(out, seconds = () => process.uptime()) {
  const live = out.isTTY === true;
  let started = 0;

  /** @param {string} text */
  const rewrite = (text) => out.write(`\r\x1b[K${text.slice(0, (out.columns ?? 80) - 1)}`);

  return {
    /** How many steps had something to do. */
    get started() {
      return started;
    },
    /**
     * @param {string} name
     * @returns {Step}
     */
    step(name) {
      const label = `  ${name.padEnd(12)} `;
      let since = seconds();
      let shown = since;
      const clear = () => live && out.write('\r\x1b[K');
      return {
        start(text) {
          started++;
          since = shown = seconds();
          clear();
          out.write(`${label}${text} …\n`);
        },
        output(line) {
          const text = line.trim();
          if (text === '') return;
          const now = seconds();
          if (live) rewrite(`${label}${(now - since).toFixed(0)} s  ${text}`);
          else if (now - shown >= QUIET_SECONDS) {
            shown = now;
            out.write(`${label}${(now - since).toFixed(0)} s  ${text.slice(0, 140)}\n`);
          }
        },
        done(text = 'done') {
          clear();
          out.write(`${label}${text} (${(seconds() - since).toFixed(1)} s)\n`);
        },
        note(text) {
          clear();
          out.write(`${label}${text}\n`);
        },
      };
    },
  };
}
