/** A step that could not be done: which one, why, and what the user can do. Anything else thrown is a defect. */
export class StepError extends Error {
  /**
   * @param {string} step name of the step
   * @param {string} why one sentence
   * @param {{ todo?: string | string[], log?: string, tail?: string[] }} [more]
   *   todo: lines telling what to do; log: path of the full output; tail: its last lines
   */
  constructor(step, why, more = {}) {
    super(why);
    this.name = 'StepError';
    this.step = step;
    this.todo = more.todo === undefined ? [] : [more.todo].flat();
    this.log = more.log;
    this.tail = more.tail ?? [];
  }
}

/**
 * What the user sees of a failed step.
 * @param {StepError} error
 */
export function formatStepError(error) {
  const lines = [`Set-up stopped at "${error.step}": ${error.message}`];
  if (error.tail.length > 0) {
    lines.push(error.log ? `  Last lines of ${error.log}:` : '  Last lines of its output:');
    for (const line of error.tail) lines.push(`    | ${line}`);
  }
  if (error.todo.length > 0) lines.push('What to do:', ...error.todo.map((line) => `  ${line}`));
  return lines.join('\n');
}
