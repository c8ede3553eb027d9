/**
 * Training: a collection that only credentials for training ask, and that they ask alone.
 *
 * What is not asked together cannot be taken for one another: a credential names `training` and nothing
 * else, or it is a live one. Edge and central both refuse all else, and
 * mark what they answer. docs/operations.md, "Training".
 */

/** Name of the collection: specimens, and nothing of a person. */
export const TRAINING = 'training';

/** Whether a credential for these collections is for training; undefined if it mixes training with others. */
export function isForTraining(collections: readonly string[]): boolean | undefined {
  if (!collections.includes(TRAINING)) return false;
  return collections.length === 1 ? true : undefined;
}

/** Header of every response to a training. */
export const TRAINING_HEADER = 'x-training';

/** The text of a JSON object with `"training": true` as its first member. */
export const markJson = (text: string): string =>
  text.replace(/^\{(?=")/, '{"training":true,').replace(/^\{\}$/, '{"training":true}');
