<?php
/**
 * Gets fragments of the widget.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

defined( 'ABSPATH' ) || exit;

/**
 * Returns the fresh fragment, has a new one made, or falls back to the last known one.
 */
final class FragmentSource {

	/** @var Maker */
	private $maker;

	/** @var FragmentCache */
	private $cache;

	public function __construct( Maker $maker, FragmentCache $cache ) {
		$this->maker = $maker;
		$this->cache = $cache;
	}

	/**
	 * Returns the fragment of a person; null if there is none at all.
	 *
	 * @param string                $person     A name of the person for the cache.
	 * @param array<string, string> $parameters Parameters of the widget.
	 */
	public function find( string $person, array $parameters ): ?Fragment {
		ksort( $parameters );
		$variant = md5( (string) wp_json_encode( $parameters ) );
		$last    = $this->cache->find( $person, $variant );
		if ( $last && $this->cache->is_fresh( $person, $variant ) ) {
			return $last;
		}
		$new = $this->maker->make( $parameters, $last );
		if ( null === $new ) {
			return $last ? $last->aged() : null;
		}
		$this->cache->keep( $person, $variant, $new );
		return $new;
	}
}
