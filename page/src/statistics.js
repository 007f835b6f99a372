/**
 * The paper's equations: statistics of features, mixes of styles, AdaIN as a scale and a shift.
 *
 * @typedef {{mean: Float32Array, std: Float32Array}} Statistics of each channel
 * @typedef {Statistics & {closeup?: Statistics, palette?: import("./palettes.js").Palette}} Style
 *   the statistics of an artwork, those of the artwork at twice its size, and its colors
 */

import { mixPalettes } from "./palettes.js";

const EPSILON = 1e-5;

/**
 * Return the mean and standard deviation of each channel.
 *
 * @param {Float32Array} features channel by channel
 * @param {number} channels
 * @returns {Statistics}
 */
export function channelStatistics(features, channels) {
  const count = features.length / channels;
  const [mean, std] = [new Float32Array(channels), new Float32Array(channels)];
  for (let channel = 0; channel < channels; channel++) {
    const values = features.subarray(channel * count, (channel + 1) * count);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[i];
    const center = sum / count;
    let squares = 0;
    for (let i = 0; i < count; i++) squares += (values[i] - center) ** 2;
    mean[channel] = center;
    std[channel] = Math.sqrt(squares / count + EPSILON);
  }
  return { mean, std };
}

/**
 * Mix two statistics.
 *
 * @param {Statistics} one
 * @param {Statistics} other
 * @param {number} share of the other, 0..1
 * @returns {Statistics}
 */
export function mixStatistics(one, other, share) {
  const between = (a, b) => a.map((value, i) => (1 - share) * value + share * b[i]);
  return { mean: between(one.mean, other.mean), std: between(one.std, other.std) };
}

/**
 * Mix two styles.
 *
 * @param {Style} one
 * @param {Style} other
 * @param {number} share of the other, 0..1
 * @returns {Style} with a palette if both have one
 */
export function mixStyles(one, other, share) {
  const closeup = mixStatistics(one.closeup ?? one, other.closeup ?? other, share);
  const both = one.palette && other.palette;
  const palette = both && mixPalettes(one.palette, other.palette, share);
  return { ...mixStatistics(one, other, share), closeup, palette };
}

/**
 * Return a style's statistics.
 *
 * @param {Style} style
 * @param {number} closeness 0: the artwork as encoded, 1: at twice its size
 * @returns {Statistics}
 */
export function styleStatistics(style, closeness) {
  return closeness > 0 ? mixStatistics(style, style.closeup ?? style, closeness) : style;
}

/**
 * Return AdaIN as inputs of the decoder's graph: features times scale, plus shift.
 *
 * @param {Statistics} content statistics of the features
 * @param {Statistics} target statistics of the result
 * @param {number} largest gain
 * @returns {{scale: Float32Array, shift: Float32Array}}
 */
export function adaptiveInstanceNorm(content, target, largest = Infinity) {
  const scale = target.std.map((std, i) => Math.min(largest, std / content.std[i]));
  const shift = target.mean.map((mean, i) => mean - scale[i] * content.mean[i]);
  return { scale, shift };
}
