<?php
/**
 * The way to the bridge.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Bridge;

interface Transport {

	/**
	 * Sends a request and returns the answer; never throws.
	 */
	public function send( Request $request ): Answer;
}
