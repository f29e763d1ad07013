<?php
/**
 * Gets fragments of the widget.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;

defined( 'ABSPATH' ) || exit;

/**
 * Returns the fresh fragment, asks the bridge for a new one, or falls back to the last known one.
 */
final class FragmentSource {

	/** Larger answers are no fragment. */
	private const MAX_BYTES = 256 * 1024;

	/** @var Transport */
	private $transport;

	/** @var FragmentCache */
	private $cache;

	public function __construct( Transport $transport, FragmentCache $cache ) {
		$this->transport = $transport;
		$this->cache     = $cache;
	}

	/**
	 * Returns the fragment of a person; null if there is none at all.
	 *
	 * @param string                $person     A name of the person for the cache.
	 * @param array<string, string> $parameters Parameters of `GET /v1/widget`.
	 */
	public function find( string $person, array $parameters ): ?Fragment {
		ksort( $parameters );
		$variant = md5( (string) wp_json_encode( $parameters ) );
		$last    = $this->cache->find( $person, $variant );
		if ( $last && $this->cache->is_fresh( $person, $variant ) ) {
			return $last;
		}
		$new = $this->fetch( $parameters, $last );
		if ( null === $new ) {
			return $last ? $last->aged() : null;
		}
		$this->cache->keep( $person, $variant, $new );
		return $new;
	}

	/**
	 * @param array<string, string> $parameters Parameters of `GET /v1/widget`.
	 */
	private function fetch( array $parameters, ?Fragment $last ): ?Fragment {
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
