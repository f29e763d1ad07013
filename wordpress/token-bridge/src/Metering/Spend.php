<?php
/**
 * A spend.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Metering;

defined( 'ABSPATH' ) || exit;

final class Spend extends Outcome {

	/**
	 * Returns the tokens of a capture above its hold that could not be charged.
	 */
	public function uncovered(): int {
		return (int) $this->answer->field( 'uncovered' );
	}
}
