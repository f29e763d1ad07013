<?php
/**
 * The way to the bridge.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Bridge;

defined( 'ABSPATH' ) || exit;

interface Transport {

	/**
	 * Sends a request and returns the answer; never throws.
	 */
	public function send( Request $request ): Answer;
}
