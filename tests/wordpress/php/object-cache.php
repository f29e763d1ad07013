<?php
/**
 * A persistent object cache of the tests, as Redis and Memcached have one: one file for each value, and a copy in memory
 * for each request.
 */

function wp_cache_init() {
	$GLOBALS['wp_object_cache'] = new WP_Object_Cache();
}

function wp_cache_add( $key, $data, $group = '', $expire = 0 ) {
	return $GLOBALS['wp_object_cache']->add( $key, $data, $group, $expire );
}

function wp_cache_replace( $key, $data, $group = '', $expire = 0 ) {
	wp_cache_get( $key, $group, false, $found );
	return $found && wp_cache_set( $key, $data, $group, $expire );
}

function wp_cache_set( $key, $data, $group = '', $expire = 0 ) {
	return $GLOBALS['wp_object_cache']->set( $key, $data, $group, $expire );
}

function wp_cache_get( $key, $group = '', $force = false, &$found = null ) {
	return $GLOBALS['wp_object_cache']->get( $key, $group, $force, $found );
}

function wp_cache_delete( $key, $group = '' ) {
	return $GLOBALS['wp_object_cache']->delete( $key, $group );
}

function wp_cache_incr( $key, $offset = 1, $group = '' ) {
	$value = max( 0, (int) wp_cache_get( $key, $group ) + $offset );
	return wp_cache_set( $key, $value, $group ) ? $value : false;
}

function wp_cache_decr( $key, $offset = 1, $group = '' ) {
	return wp_cache_incr( $key, -$offset, $group );
}

function wp_cache_flush() {
	return $GLOBALS['wp_object_cache']->flush();
}

function wp_cache_close() {
	return true;
}

function wp_cache_add_global_groups( $groups ) {
	$GLOBALS['wp_object_cache']->global_groups += array_flip( (array) $groups );
}

function wp_cache_add_non_persistent_groups( $groups ) {
	$GLOBALS['wp_object_cache']->memory_groups += array_flip( (array) $groups );
}

function wp_cache_switch_to_blog( $blog_id ) {
	$GLOBALS['wp_object_cache']->blog_id = (int) $blog_id;
}

class WP_Object_Cache {

	public $global_groups = array();
	public $memory_groups = array();
	public $blog_id       = 1;

	private $memory = array();
	private $folder;

	public function __construct() {
		$this->folder = WP_CONTENT_DIR . '/object-cache-of-the-tests';
	}

	public function get( $key, $group, $force, &$found ) {
		$name = $this->name( $key, $group );
		if ( $force || ! isset( $this->memory[ $name ] ) ) {
			$this->memory[ $name ] = $this->read( $name, $group );
		}
		list( $expires, $value ) = $this->memory[ $name ];
		$found                   = 0 === $expires || $expires > time();
		return $found ? ( is_object( $value ) ? clone $value : $value ) : false;
	}

	public function add( $key, $data, $group, $expire ) {
		$this->get( $key, $group, false, $found );
		return ! $found && ! wp_suspend_cache_addition() && $this->set( $key, $data, $group, $expire );
	}

	public function set( $key, $data, $group, $expire ) {
		$name                  = $this->name( $key, $group );
		$this->memory[ $name ] = array( $expire ? time() + (int) $expire : 0, $data );
		return isset( $this->memory_groups[ $group ] ) || $this->write( $name, $this->memory[ $name ] );
	}

	public function delete( $key, $group ) {
		$name = $this->name( $key, $group );
		unset( $this->memory[ $name ] );
		return is_file( "{$this->folder}/$name" ) && unlink( "{$this->folder}/$name" );
	}

	public function flush() {
		$this->memory = array();
		array_map( 'unlink', glob( "{$this->folder}/*" ) );
		return true;
	}

	private function name( $key, $group ) {
		$group = $group ?: 'default';
		$blog  = isset( $this->global_groups[ $group ] ) ? 0 : $this->blog_id;
		return rawurlencode( "$blog:$group:$key" );
	}

	private function read( $name, $group ) {
		$text = isset( $this->memory_groups[ $group ] ) ? false : @file_get_contents( "{$this->folder}/$name" );
		return false === $text || '' === $text ? array( -1, null ) : unserialize( $text );
	}

	private function write( $name, array $entry ) {
		is_dir( $this->folder ) || @mkdir( $this->folder );
		$draft = tempnam( $this->folder, '.draft' );
		file_put_contents( $draft, serialize( $entry ) );
		return rename( $draft, "{$this->folder}/$name" );
	}
}
