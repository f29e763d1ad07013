<?php
/**
 * A hold.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Metering;

defined( 'ABSPATH' ) || exit;

final class Hold extends Outcome {

	/**
	 * Returns when the hold ends by itself (RFC 3339).
	 */
	public function expires_at(): string {
		return $this->answer->field( 'expires_at' );
	}
}
