<?php
/**
 * The transport of a site that is not connected.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Bridge;

defined( 'ABSPATH' ) || exit;

/**
 * Sends nothing, so that callers need not check whether the site is connected.
 */
final class NotConnected implements Transport {

	/** @var string */
	private $reason;

	/**
	 * @param string $reason The code of the answers.
	 */
	public function __construct( string $reason = Answer::NOT_CONNECTED ) {
		$this->reason = $reason;
	}

	public function send( Request $request ): Answer {
		return Answer::none( $this->reason );
	}
}
