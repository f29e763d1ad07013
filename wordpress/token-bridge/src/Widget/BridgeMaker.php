<?php
/**
 * Fragments that the bridge makes.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;

defined( 'ABSPATH' ) || exit;

/**
 * Asks the bridge for the widget of a person, and for nothing if the last one is still right.
 */
final class BridgeMaker implements Maker {

	/** Larger answers are no fragment. */
	private const MAX_BYTES = 256 * 1024;

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	public function make( array $parameters, ?Fragment $last ): ?Fragment {
		$request = Request::get( '/v1/widget', $parameters );
		if ( $last && '' !== $last->etag ) {
			$request->with_header( 'If-None-Match', $last->etag );
		}
		$answer = $this->transport->send( $request );
		if ( $last && 304 === $answer->status() ) {
			return new Fragment( $last->html, time(), $last->etag );
		}
		return $this->is_fragment( $answer ) ? new Fragment( $answer->text(), time(), $answer->header( 'etag' ) ) : null;
	}

	private function is_fragment( Answer $answer ): bool {
		return 200 === $answer->status()
			&& 0 === strpos( $answer->header( 'content-type' ), 'text/html' )
			&& strlen( $answer->text() ) <= self::MAX_BYTES;
	}
}
